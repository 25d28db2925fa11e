import type { ListedModel, Models } from "../../core/models.ts";
import type { LocalEngine } from "./engine.ts";

const always: readonly ListedModel[] = [
  { id: "echo", displayName: "Echo" },
  { id: "flite", displayName: "Flite" },
];

const whenInstalled: readonly ListedModel[] = [
  { id: "moonshine-base", displayName: "Moonshine base" },
  { id: "moonshine-tiny", displayName: "Moonshine tiny" },
];

/** The models that are there: those with weights only where `npm run setup:local` has put them. */
export function createModels(engine: LocalEngine): Models {
  return { list: async () => ((await engine.installed()) ? [...always, ...whenInstalled] : always) };
}
