export { livellmAsr } from "./kind.ts";
