// Installs the local engine (npm run setup:local) into .local-engine/, or where LIVELLM_LOCAL_ENGINE says.
import path from "node:path";
import { installLocalEngine } from "./install-local-engine.ts";

const folder = path.resolve(process.env.LIVELLM_LOCAL_ENGINE || path.join(import.meta.dirname, "../.local-engine"));
await installLocalEngine(folder, (line) => console.log(line));
