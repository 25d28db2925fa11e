export { ollamaBaseUrl } from "./base-url.ts";
export { ollama } from "./kind.ts";
export { ollamaAnswers } from "./probe.ts";
