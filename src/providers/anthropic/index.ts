export { anthropic } from "./kind.ts";
