export { mistral } from "./kind.ts";
