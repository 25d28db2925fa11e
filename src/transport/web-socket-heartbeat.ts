import type { Socket } from "node:net";
import type { WebSocket } from "ws";

export interface HeartbeatOptions {
  /** How often the client is pinged. */
  readonly intervalMs: number;
  /** How often while nothing is read of it: only the failure of a write tells then that it is gone. */
  readonly pausedIntervalMs: number;
}

interface Heartbeat {
  /** The socket was paused, or reads again. */
  paused(paused: boolean): void;
  stop(): void;
}

const maxMissed = 2;

/**
 * Pings a client, and cuts the connection when it has missed two pings in a row. Everything that it sends is a sign of life;
 * so is a backlog that shrinks, because a slow reader sees the ping only behind it.
 */
export function startHeartbeat(socket: WebSocket, connection: Socket, options: HeartbeatOptions): Heartbeat {
  const hasMoved = watchProgress(connection);
  let missed = 0;
  let stopped = false;
  const beat = () => {
    missed = hasMoved() || socket.isPaused ? 0 : missed + 1;
    if (missed >= maxMissed) socket.terminate();
    else socket.ping();
  };
  let timer = setInterval(beat, options.intervalMs);
  return {
    paused(paused) {
      if (stopped) return;
      clearInterval(timer);
      timer = setInterval(beat, paused ? options.pausedIntervalMs : options.intervalMs);
    },
    stop() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

/** Says whether the client has sent anything, or taken anything of a backlog, since it was asked last. */
function watchProgress(connection: Socket): () => boolean {
  let last = { read: 0, written: 0, backlog: false };
  return () => {
    const { bytesRead, bytesWritten, writableLength } = connection;
    // What waits counts as written already. Without a backlog the kernel takes our pings whether anybody reads them or not.
    const now = { read: bytesRead, written: bytesWritten - writableLength, backlog: writableLength > 0 };
    const moved = now.read > last.read || (last.backlog && now.written > last.written);
    last = now;
    return moved;
  };
}
