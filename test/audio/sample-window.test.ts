import fc from "fast-check";
import { expect, test } from "vitest";
import { createSampleWindow } from "../../src/audio/sample-window.ts";

test("gives back what is kept by its place in the stream, whatever is appended and forgotten", () => {
  const step = fc.record({ append: fc.integer({ min: 0, max: 20_000 }), forget: fc.integer({ min: 0, max: 30_000 }) });
  const property = fc.property(fc.array(step, { maxLength: 15 }), (steps) => {
    const window = createSampleWindow();
    let end = 0;
    let first = 0;
    for (const { append, forget } of steps) {
      window.append(Float32Array.from({ length: append }, (_, i) => end + i));
      end += append;
      window.forget(forget);
      first = Math.min(end, Math.max(first, forget));
      expect(window.endSample).toBe(end);
      const middle = Math.floor((first + end) / 2);
      expect(window.slice(middle, middle + 5)).toEqual(
        Float32Array.from({ length: Math.min(5, end - middle) }, (_, i) => middle + i),
      );
      expect(window.slice(0, end + 100).length).toBe(end - first);
    }
  });
  fc.assert(property, { numRuns: 50 });
});

test("what it gives is a copy", () => {
  const window = createSampleWindow();
  window.append(Float32Array.of(1, 2, 3));
  window.slice(0, 3).fill(0);
  expect([...window.slice(0, 3)]).toEqual([1, 2, 3]);
});
