import { element } from "./element.ts";

/** What two sides say to each other, on the page. A side's words are one turn until {@link endTurn}. */
export class Dialogue {
  readonly #box: HTMLElement;
  readonly #open = new Map<string, HTMLElement>();

  constructor(box: HTMLElement) {
    this.#box = box;
    box.replaceChildren();
  }

  /** More of what a side says; pieces are joined as they are. */
  add(side: "You" | "Model", text: string): void {
    let turn = this.#open.get(side);
    if (!turn) {
      turn = element("p", "text");
      this.#open.set(side, turn);
      this.#box.append(element("div", "turn", element("h3", "", side), turn));
    }
    turn.append(text);
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** The next words of a side are another turn of it. */
  endTurn(side: "You" | "Model"): void {
    this.#open.delete(side);
  }

  /** Ends the turn of the model in the middle, where it has begun. */
  cutOff(): void {
    this.#open.get("Model")?.append(" …");
    this.endTurn("Model");
  }
}
