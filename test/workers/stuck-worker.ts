import { linkToSupervisor } from "../../src/workers/supervisor-link.ts";

/** Serves its number, but for the first of its place, which stops moving as soon as it serves. */
const [number, found] = process.argv.slice(2);
const link = linkToSupervisor({
  onDrain: () => process.exit(0),
  onAlone: () => process.exit(1),
  answer: () => undefined,
});
link.accepted((socket) => socket.end(`worker ${number}`));
link.ready("was here");
if (number === "1" && found === undefined) for (;;);
