import fc from "fast-check";
import { expect, test } from "vitest";
import { LogEntries, type LogItem } from "../../src/live/log-entries.ts";
import { SampleReader } from "../../src/live/sample-reader.ts";

const pieceFrames = 4;

/** The same, with every piece by itself and copied. */
class PlainEntries {
  readonly items: LogItem[] = [];
  first = 0;
  heard = 0;

  push(data: Uint8Array): void {
    for (let at = 0; at < data.length; at += pieceFrames) {
      const piece = data.slice(at, at + pieceFrames);
      this.items.push({ type: "audio", start: this.heard, data: piece });
      this.heard += piece.length;
    }
  }

  endTurn(): void {
    this.items.push({ type: "end-turn", start: this.heard });
  }

  dropFirst(): void {
    if (this.first < this.items.length) this.first++;
  }

  cutFirst(startFrame: number): void {
    const first = this.items[this.first];
    if (first?.type !== "audio" || startFrame <= first.start) return;
    this.items[this.first] = { ...first, start: startFrame, data: first.data.slice(startFrame - first.start) };
  }
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 11 }) }) },
  { weight: 4, arbitrary: fc.record({ push: fc.constant(pieceFrames) }) },
  fc.record({ silence: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ endTurn: fc.constant(true) }),
  { weight: 4, arbitrary: fc.record({ settle: fc.integer({ min: 0, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ drop: fc.integer({ min: 1, max: 5 }) }) },
  fc.record({ cut: fc.integer({ min: 1, max: pieceFrames - 1 }) }),
);

test("what is kept is what came, whatever is let go of and however the rest is kept", () => {
  const property = fc.property(fc.array(step, { maxLength: 120, size: "max" }), (steps) => {
    const samples = new SampleReader({ mimeType: "audio/ulaw", sampleRateHertz: 8000, channelCount: 1 });
    const entries = new LogEntries({ samples, pieceFrames });
    const plain = new PlainEntries();
    let byte = 0;
    let settled = 0;
    for (const each of steps) {
      if ("push" in each) {
        const data = Uint8Array.from({ length: each.push }, () => byte++);
        plain.push(data);
        entries.pushAudio(data);
      } else if ("silence" in each) {
        plain.push(samples.silence(each.silence));
        entries.pushSilence(each.silence);
      } else if ("endTurn" in each) {
        plain.endTurn();
        entries.pushEndTurn();
      } else if ("settle" in each) {
        settled = Math.max(entries.first, Math.min(entries.end, settled + each.settle));
        entries.settle(settled);
      } else if ("drop" in each) {
        for (let i = 0; i < each.drop; i++) {
          plain.dropFirst();
          entries.dropFirst();
        }
      } else {
        const first = entries.item(entries.first);
        const startFrame = (first?.start ?? 0) + each.cut;
        if (first?.type !== "audio" || each.cut >= first.data.length) continue;
        plain.cutFirst(startFrame);
        entries.cutFirst(startFrame);
      }
      expect(entries.first).toBe(plain.first);
      expect(entries.end).toBe(plain.items.length);
      expect(entries.heardFrames).toBe(plain.heard);
      expect(entries.startFrame).toBe(plain.items[plain.first]?.start ?? plain.heard);
      expect(entries.item(entries.end)).toBeUndefined();
      for (let number = plain.first; number < plain.items.length; number++) {
        expect(entries.item(number), `item ${number}`).toEqual(plain.items[number]);
      }
    }
  });
  fc.assert(property, { numRuns: 100 });
});
