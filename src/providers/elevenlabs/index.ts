export { elevenlabs } from "./kind.ts";
