import { type FakeServer, type FakeSession, type Message, startFakeServer } from "../test/support/fake-sessions.ts";
import type { ConversationFault } from "./conversation-faults.ts";
import type { ConversationWire, SaidTurn } from "./conversation-wires.ts";

/** What a vendor does in a conversation. */
export interface Script {
  readonly wire: ConversationWire;
  /** What it answers, turn after turn. */
  readonly turns: readonly SaidTurn[];
  /** Does no harm when undefined. */
  readonly fault?: ConversationFault;
  /** Which of the answers the fault is done to. */
  readonly struckTurn: number;
}

/** A vendor that answers one turn after the other, over one socket or several, and goes wrong as it is told. */
export function startConversationVendor(script: Script): Promise<FakeServer> {
  const { wire, turns, fault } = script;
  let turn = 0;
  const say = (session: FakeSession, messages: readonly Message[]) => {
    for (const message of messages) session.send(message);
  };
  return startFakeServer({
    serve(session) {
      say(session, wire.greeting);
      return (message) => {
        const isOpening = wire.opens(message);
        if (isOpening && fault?.atOpening) return fault.atOpening({ session, wire, pieces: [], end: [] });
        if (!wire.asks(message)) return say(session, wire.reply(message));
        const said = turns[turn];
        if (said === undefined) throw new Error(`nobody asks for ${turn + 1} answers`);
        const answer = { session, wire, pieces: wire.pieces(said), end: wire.end(true) };
        if (turn++ === script.struckTurn && fault?.inAnswer) fault.inAnswer(answer);
        else say(session, [...answer.pieces, ...answer.end]);
      };
    },
  });
}
