import { LivellmError } from "../core/error.ts";
import { type HttpRequest, headerOf } from "./http.ts";
import { Rejected } from "./rejected.ts";

/**
 * The whole body of a request. Throws {@link Rejected} (413) as soon as it is known to be too large; what is still on its way
 * is then read and dropped, so that the client gets to see the answer.
 */
async function readBody(request: HttpRequest, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  return new Promise((resolve, reject) => {
    const take = (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBytes) chunks.push(chunk);
      else {
        request.off("data", take);
        request.resume();
        reject(tooLarge(maxBytes));
      }
    };
    request.on("data", take);
    request.once("end", () => resolve(Buffer.concat(chunks)));
    request.once("error", reject);
    request.once("close", () => reject(new LivellmError("canceled", "cancelled", "the request ended early")));
  });
}

export function tooLarge(maxBytes: number): Rejected {
  return new Rejected(413, `the request is larger than the ${maxBytes} bytes this server takes`);
}

/**
 * The JSON in a body. As with FastAPI, a body that is not said to be JSON is a text, which no schema takes. Throws
 * {@link Rejected} (422, `json_invalid`) when it is said to be JSON and is not.
 */
export async function readJson(request: HttpRequest, maxBytes: number): Promise<unknown> {
  const body = (await readBody(request, maxBytes)).toString("utf8");
  const type = headerOf(request, "content-type").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (!/^application\/(json|[\w.-]+\+json)$/.test(type)) return body;
  try {
    return JSON.parse(body);
  } catch {
    throw new Rejected(422, [
      {
        type: "json_invalid",
        loc: ["body", positionOf(body)],
        msg: "JSON decode error",
        input: {},
        ctx: { error: "Expecting value" },
      },
    ]);
  }
}

/** Looking for the place costs some readings of the text. */
const longestSearched = 65_536;

/** Where a text stops to be JSON: V8 does not always say. Up to there it only breaks off too early. */
function positionOf(text: string): number {
  if (text.length > longestSearched) return 0;
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (breaksOff(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function breaksOff(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const message = String(error);
    const position = /position (\d+)/.exec(message)?.[1];
    return position === undefined ? message.includes("Unexpected end") : Number(position) >= text.length;
  }
}
