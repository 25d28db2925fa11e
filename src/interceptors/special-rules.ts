import { parametersOf } from "../core/audio-format.ts";
import {
  faultOfApiKey,
  faultOfBaseUrl,
  faultsOfHeaders,
  faultsOfRepeatedHeaders,
  type HeaderFault,
} from "../core/provider-fields.ts";
import { type Finding, isEmpty, type Rule } from "./rule.ts";

/** The number of an enum is one of its words'. JSON that uses words is refused before; binary may hold any number. */
export const definedOnly: Rule = {
  text: "enum.defined_only",
  check(value, _message, { member }) {
    const values = member.kind === "field" ? (member.enum?.values ?? []) : [];
    if (value === undefined || values.some(({ number }) => number === value)) return undefined;
    return {
      reason: "UNKNOWN",
      description: `unknown value ${value}; use one of ${values.map(({ name }) => name).join(", ")}`,
    };
  },
};

/** One member of the oneof is set. A oneof has no name in JSON, so the path is that of the message it is in. */
export const oneofRequired: Rule = {
  text: "oneof.required",
  check(value, _message, { member }) {
    if ((value as { case?: string } | undefined)?.case !== undefined || member.kind !== "oneof") return undefined;
    const names = member.fields.map(({ jsonName }) => jsonName);
    return { reason: "REQUIRED", description: `needs one of ${names.join(", ")}` };
  },
};

export function maxBytes(most: number): Rule {
  return { text: `bytes.max_len = ${most}`, check: (value) => tooLong(value, most) };
}

export const maxMediaBytes: Rule = {
  text: "bytes.max_len = the server's limit, 20 MiB as shipped",
  check: (value, _message, { limits }) => tooLong(value, limits.maxMediaBytes),
};

function tooLong(value: unknown, most: number): Finding | undefined {
  if (!(value instanceof Uint8Array) || value.length <= most) return undefined;
  return { reason: "TOO_LONG", description: `is ${value.length} bytes long; ${most} are allowed` };
}

export const mimeTypeWithData: Rule = {
  text: "",
  prose: "Required with data",
  check(value, { source }) {
    const withData = (source as { case?: string } | undefined)?.case === "data";
    return withData && isEmpty(value)
      ? { reason: "REQUIRED", description: "is required with data, such as image/png or audio/wav" }
      : undefined;
  },
};

export const sampleRate: Rule = {
  text: "0, or int32.gte = 8000 and int32.lte = 48000",
  check(value) {
    const rate = typeof value === "number" ? value : 0;
    if (rate === 0 || (rate >= 8_000 && rate <= 48_000)) return undefined;
    return { reason: "OUT_OF_RANGE", description: "must be at least 8000 and at most 48000, or 0 for the model's own" };
  },
};

/** What the parameters of a media type say keeps the rules of the fields, and says nothing else than they do. */
export const soundParameters: Rule = {
  text: "",
  prose: "may stand here instead, as parameters",
  check(value, { sampleRateHertz, channelCount }) {
    const said = parametersOf(value as string);
    const rate = said.sampleRateHertz;
    if (rate > 0 && (rate < 8_000 || rate > 48_000))
      return wrongParameter("rate", "must be at least 8000 and at most 48000");
    if (said.channelCount > 2) return wrongParameter("channels", "must be 1 or 2");
    if (differ(rate, sampleRateHertz))
      return wrongParameter("rate", "is not what sampleRateHertz says; say one of them");
    return differ(said.channelCount, channelCount)
      ? wrongParameter("channels", "is not what channelCount says; say one of them")
      : undefined;
  },
};

function differ(said: number, field: unknown): boolean {
  return said > 0 && typeof field === "number" && field > 0 && field !== said;
}

function wrongParameter(name: string, description: string): Finding {
  return { reason: "CONFLICT", description: `its parameter ${name} ${description}` };
}

const rawTypes = ["audio/pcm", "audio/ulaw", "audio/alaw"];

/** Live audio has no header, so its form must be said in full. */
export const rawAudio: Rule = {
  text: "audio/pcm, audio/ulaw or audio/alaw; sample_rate_hertz > 0",
  check(value) {
    if (value === undefined) return undefined;
    const { mimeType, sampleRateHertz } = value as { mimeType: string; sampleRateHertz: number };
    const findings: Finding[] = [];
    const plainType = mimeType.split(";")[0]?.trim() ?? "";
    if (plainType === "")
      findings.push({
        reason: "REQUIRED",
        description: `is required: one of ${rawTypes.join(", ")}`,
        below: ".mimeType",
      });
    else if (!rawTypes.includes(plainType)) {
      findings.push({
        reason: "UNSUPPORTED",
        description: `must be one of ${rawTypes.join(", ")}`,
        below: ".mimeType",
      });
    }
    if (sampleRateHertz === 0 && parametersOf(mimeType).sampleRateHertz === 0) {
      findings.push({ reason: "REQUIRED", description: "is required, such as 16000", below: ".sampleRateHertz" });
    }
    return findings;
  },
};

/** A key that comes with a line break is refused here: the connection to the provider would only break. */
export const sendableApiKey: Rule = {
  text: "",
  prose: "Visible ASCII characters",
  check: (value) => malformed(faultOfApiKey(value as string)),
};

export const plainBaseUrl: Rule = {
  text: "",
  prose: "Without a user name, a password, a query or a fragment",
  check: (value) => (isEmpty(value) ? undefined : malformed(faultOfBaseUrl(value as string))),
};

function malformed(description: string | undefined): Finding | undefined {
  return description === undefined ? undefined : { reason: "PATTERN", description };
}

export const sendableHeaders: Rule = {
  text: "",
  prose: "none that belongs to the connection",
  check(value) {
    const headers = value as Readonly<Record<string, string>>;
    return [...faultsOfHeaders(headers), ...faultsOfRepeatedHeaders(Object.keys(headers))].map(belowHeaders);
  },
};

function belowHeaders({ header, ...fault }: HeaderFault): Finding {
  return header === undefined ? fault : { ...fault, below: `[${JSON.stringify(header)}]` };
}
