export { openaiCompatible } from "./kind.ts";
