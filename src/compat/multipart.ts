import busboy from "busboy";
import { tooLarge } from "./body.ts";
import type { HttpRequest } from "./http.ts";
import type { Recording } from "./recording.ts";
import { Rejected } from "./rejected.ts";

/** What a form holds. */
export interface Form {
  readonly fields: Readonly<Record<string, string>>;
  /** The one called `file`, where there is one. */
  readonly file: Recording | undefined;
}

/** Reads `multipart/form-data`. Throws {@link Rejected}: 422 when it is none or breaks off, 413 when it is too large. */
export function readForm(request: HttpRequest, maxBytes: number): Promise<Form> {
  return new Promise((resolve, reject) => {
    const fields: Record<string, string> = {};
    let file: Recording | undefined;
    const fail = (error: Rejected) => {
      request.unpipe();
      request.resume();
      reject(error);
    };
    const parser = parserOf(request, maxBytes);
    if (!parser) return fail(noForm());
    parser.on("field", (name, value) => {
      fields[name] = value;
    });
    parser.on("file", (name, stream, { filename, mimeType }) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("limit", () => fail(tooLarge(maxBytes)));
      stream.on("end", () => {
        if (name === "file")
          file = { filename: filename ?? "", bytes: new Uint8Array(Buffer.concat(chunks)), contentType: mimeType };
      });
    });
    parser.on("error", () => fail(noForm()));
    parser.on("close", () => resolve({ fields, file }));
    // A request that is complete closes too, perhaps before the parser has read its end.
    request.once("close", () => request.complete || reject(noForm()));
    request.pipe(parser);
  });
}

function parserOf(request: HttpRequest, maxBytes: number) {
  try {
    return busboy({
      headers: request.headers,
      limits: { fileSize: maxBytes, files: 4, fields: 32, fieldSize: 1_048_576 },
    });
  } catch {
    return undefined;
  }
}

function noForm(): Rejected {
  const msg = "Input should be a whole multipart/form-data body";
  return new Rejected(422, [{ type: "multipart_invalid", loc: ["body"], msg, input: null }]);
}
