import type { Warning } from "../../core/route.ts";

/** Collects what a request does differently from what was asked. */
export interface Notes {
  readonly warnings: Warning[];
  /** An option that this provider does not have. */
  ignored(field: string): void;
  /** An option whose value this provider does not take as it is; `what` says what it gets instead. */
  clamped(field: string, what: string): void;
  /** An output format this provider lacks: a tool that the model has to call stands in. */
  emulated(field: string): void;
  /** An output format this provider lacks: the model is told of it. */
  inWords(field: string): void;
  /** A part of the history that this provider cannot take, and can do without. */
  dropped(field: string, what: string): void;
  /** State that another kind of provider made. Told once: a long history has many. */
  stateDropped(field: string, madeBy: string): void;
}

export function newNotes(): Notes {
  const warnings: Warning[] = [];
  const add = (code: string, field: string, message: string) => warnings.push({ code, message, field });
  return {
    warnings,
    ignored: (field) => add("option-ignored", field, `the provider has no such option: ${field}`),
    clamped: (field, what) => add("option-clamped", field, `the provider takes another value: ${what}`),
    emulated: (field) =>
      add(
        "output-format-emulated",
        field,
        "the provider has no such mode: the schema is a tool that the model must call",
      ),
    inWords: (field) =>
      add("output-format-emulated", field, "the model has no such mode: it is told the form of the answer in words"),
    dropped: (field, what) => add("part-dropped", field, `the provider cannot take ${what}: left out`),
    stateDropped(field, madeBy) {
      if (warnings.some(({ code }) => code === "provider-state-dropped")) return;
      add("provider-state-dropped", field, `state of a provider of kind "${madeBy}" was left out, from here on`);
    },
  };
}
