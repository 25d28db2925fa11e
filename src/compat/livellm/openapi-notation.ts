/** A text. */
export const string = { type: "string" };

/** A type, or null. */
export const nullable = (type: string) => ({ type: [type, "null"] });

/** A whole number. */
export const whole = (bounds: object = {}) => ({ type: "integer", ...bounds });

/** One of these words. */
export const choice = (...words: readonly string[]) => ({ type: "string", enum: words });

/** A list of these. */
export const listOf = (items: object) => ({ type: "array", items });

/** A schema among the components. */
export const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

/** One of these components. */
export const anyOf = (...names: readonly string[]) => ({ anyOf: names.map(ref) });

/** An object; behind the properties those that are required. */
export const object = (properties: object, ...required: readonly string[]) => ({
  type: "object",
  properties,
  required,
});
