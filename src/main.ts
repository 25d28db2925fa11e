import { processEnvironment } from "./process-environment.ts";
import { serve } from "./serve.ts";

await serve(processEnvironment());
