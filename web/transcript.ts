import type { TranscriptSegment } from "../gen/livellm/v1/transcript_pb.ts";
import { element } from "./element.ts";

/** A transcript on the page: each segment is replaced until it is final. */
export class Transcript {
  readonly #box: HTMLElement;
  readonly #segments = new Map<number, HTMLElement>();

  constructor(box: HTMLElement) {
    this.#box = box;
    box.replaceChildren();
  }

  /** Shows the segment as it stands now. */
  show({ index, text, isFinal, speaker }: TranscriptSegment): void {
    let shown = this.#segments.get(index);
    if (!shown) {
      shown = element("p", "text");
      this.#segments.set(index, shown);
      this.#box.append(shown);
    }
    shown.textContent = speaker ? `${speaker}: ${text}` : text;
    shown.classList.toggle("interim", !isFinal);
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** A whole transcript that came without segments. */
  write(text: string): void {
    this.#box.append(element("p", "text", text));
  }
}
