import { LivellmError } from "../../core/error.ts";

/** Something in the request that this provider cannot take, found before it is called. `field` in JSON names. */
export function unsupported(field: string, description: string): LivellmError {
  return new LivellmError("failed_precondition", "unsupported", `${field}: ${description}`, {
    violations: [{ field, description, reason: "UNSUPPORTED" }],
  });
}
