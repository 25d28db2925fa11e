import type { Writable } from "node:stream";

/** What has `drain` and `close`: node's own writables, and the responses of both versions of HTTP. */
type Sink = Pick<Writable, "on" | "off" | "destroyed">;

/** Waits until whoever reads has read enough, or is gone. */
export function drained(sink: Sink, isOver: () => boolean = () => sink.destroyed): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      sink.off("drain", done).off("close", done);
      resolve();
    };
    sink.on("drain", done).on("close", done);
    if (isOver()) done();
  });
}
