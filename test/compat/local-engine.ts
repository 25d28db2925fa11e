import { existsSync } from "node:fs";
import path from "node:path";
import type { ForeignTool } from "../support/foreign-tools.ts";
import { projectRoot } from "../support/gateway.ts";

/** The models that run here, which `npm run setup:local` fetches. */
export const localEngine: ForeignTool = {
  program: "",
  missing: existsSync(path.join(projectRoot, ".local-engine/installed.json")) ? undefined : "run npm run setup:local",
};
