export { groq } from "./kind.ts";
