import { inheritedEnvironment } from "./process-environment.ts";
import { serveAsWorker } from "./serve.ts";

await serveAsWorker(Number(process.argv[2]), inheritedEnvironment());
