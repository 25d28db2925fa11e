import { cutPlace, cutToFit, sentenceSegmenter } from "./cut-text.ts";

/** Shorter sentences are spoken together with the next one: a voice sounds better with more to say, and calls cost time. */
const shortest = 20;

/** What has no end is cut here at the latest, at a comma or a space where there is one. */
const usualLongest = 500;

/**
 * Cuts a text that is still being written into sentences, by the rules of Unicode (UAX #29) for its language. Pieces are
 * joined as they are; what is given back is trimmed. What has neither a letter nor a digit is left out: models write emoji
 * behind their last sentence, and a voice that is sent one alone refuses it or makes no sound, which would end the session.
 */
export class SentenceSplitter {
  readonly #segmenter: Intl.Segmenter;
  readonly #longest: number;
  #text = "";

  /** `longest` is the most characters that a sentence may have, where the model takes no more. */
  constructor(languageCode: string, longest = usualLongest) {
    this.#segmenter = sentenceSegmenter(languageCode);
    this.#longest = Math.min(longest, usualLongest);
  }

  /** The sentences that are complete, because something follows them. */
  push(text: string): readonly string[] {
    this.#text += text;
    const complete = this.#takeComplete().flatMap((sentence) => cutToFit(sentence, this.#longest));
    while (this.#text.length > this.#longest) complete.push(this.#take(cutPlace(this.#text, this.#longest)));
    return speakable(complete);
  }

  /** What is left, complete or not. */
  flush(): readonly string[] {
    return speakable([this.#take(this.#text.length)]);
  }

  #takeComplete(): string[] {
    const starts = Array.from(this.#segmenter.segment(this.#text), ({ index }) => index);
    const taken: string[] = [];
    let from = 0;
    for (const end of starts.slice(1)) {
      if (this.#text.slice(from, end).trim().length < shortest) continue;
      taken.push(this.#text.slice(from, end));
      from = end;
    }
    this.#take(from);
    return taken;
  }

  #take(length: number): string {
    const taken = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return taken;
  }
}

function speakable(texts: readonly string[]): readonly string[] {
  return texts.map((text) => text.trim()).filter((text) => /[\p{L}\p{N}]/u.test(text));
}
