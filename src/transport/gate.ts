import { LivellmError } from "../core/error.ts";

/** Lets new calls in until the server drains. */
export interface Gate {
  closed(): boolean;
  close(): void;
  /** Throws `unavailable` when no new calls of the service are taken. Health stays: it is how a balancer learns of it. */
  assertOpen(serviceName: string): void;
}

export function createGate(): Gate {
  let closed = false;
  return {
    closed: () => closed,
    close: () => {
      closed = true;
    },
    assertOpen(serviceName) {
      if (!closed || serviceName === "grpc.health.v1.Health") return;
      throw new LivellmError(
        "unavailable",
        "overloaded",
        "this server is shutting down; try again, elsewhere if you can",
      );
    },
  };
}

/** What calls end with that a shutdown does not wait for any longer. */
export function cutByShutdown(): LivellmError {
  return new LivellmError(
    "unavailable",
    "overloaded",
    "this server has shut down before the call was over; try again, elsewhere if you can",
  );
}
