import fc from "fast-check";
import { expect, test } from "vitest";
import { Metadata } from "../../src/transport/metadata.ts";

const name = fc.constantFrom("x-a", "X-A", "x-b", "authorization", "set-cookie");
const value = fc.stringMatching(/^[a-z ]{0,6}$/);
const step = fc.oneof(
  fc.tuple(fc.constant("set" as const), name, value),
  fc.tuple(fc.constant("append" as const), name, value),
  fc.tuple(fc.constant("delete" as const), name, value),
);

test("reads and changes as the web's Headers do", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom("x-a", "x-b"), fc.constantFrom("one", "two")),
      fc.array(step),
      (received, steps) => {
        const [own, web] = [new Metadata({ ":path": "/", ...received }), new Headers(received)];
        for (const [what, at, to] of steps) {
          for (const headers of [own, web]) {
            if (what === "delete") headers.delete(at);
            else headers[what](at, to);
          }
        }
        expect([...own].sort()).toEqual([...web].sort());
        for (const at of ["x-a", "X-B", "constructor", "authorization"]) {
          expect([own.get(at), own.has(at)]).toEqual([web.get(at), web.has(at)]);
        }
        expect(own.getSetCookie()).toEqual(web.getSetCookie());
        expect([...own.keys()].length).toBe([...own.values()].length);
      },
    ),
  );
});

test("what node has received stays as it is", () => {
  const received = { "x-a": "one" };
  new Metadata(received).set("x-a", "two");
  new Metadata(received).delete("x-a");
  expect(received).toEqual({ "x-a": "one" });
});
