export { openai } from "./kind.ts";
