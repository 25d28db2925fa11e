import { SpanStatusCode } from "@opentelemetry/api";
import type { ToolCallPart, ToolResultPart } from "../core/chat.ts";
import type { LivellmError } from "../core/error.ts";
import { attribute, ownAttribute } from "./attributes.ts";
import type {
  AskedModel,
  AttemptObservation,
  ObservedTarget,
  RouteObservation,
  StepObservation,
} from "./observation.ts";
import { withoutSecrets } from "./span-content.ts";
import { beginAttempt } from "./traced-attempt.ts";
import type { TracedScope } from "./traced-scope.ts";
import type { SpanStart } from "./tracer.ts";

/** A route with a span for every attempt, step and tool. */
export class TracedRoute implements RouteObservation {
  protected readonly scope: TracedScope;

  constructor(scope: TracedScope) {
    this.scope = scope;
  }

  attempt(target: ObservedTarget, isFallback: boolean): AttemptObservation {
    return beginAttempt(this.scope, target, isFallback);
  }

  unused(target: ObservedTarget, outcome: "skipped" | "failed", error: LivellmError): void {
    const { counted, parent } = this.scope;
    counted.unused(target, outcome, error);
    parent.span.addEvent("livellm.target.unused", {
      [ownAttribute.providerId]: target.provider || "inline",
      [attribute.requestModel]: target.model,
      [ownAttribute.outcome]: outcome,
      [attribute.errorType]: error.reason,
    });
  }

  step(index: number, asked: () => AskedModel): StepObservation {
    const { spans, parent } = this.scope;
    const attributes = { [ownAttribute.step]: index };
    const span = spans.child(parent, { name: `step ${index}`, kind: "internal", attributes });
    return new TracedStep({ ...this.scope, parent: span, asked });
  }

  async tool(call: ToolCallPart, run: () => Promise<ToolResultPart>): Promise<ToolResultPart> {
    const { spans, parent, counted, captureContent } = this.scope;
    const open = spans.child(parent, toolSpan(call));
    const { span } = open;
    if (captureContent) span.setAttribute(attribute.toolArguments, withoutSecrets(call.argumentsJson));
    try {
      const result = await spans.within(open, () => counted.tool(call, run));
      if (captureContent) span.setAttribute(attribute.toolResult, withoutSecrets(result.text));
      if (result.failed)
        span.setAttribute(attribute.errorType, "tool_failed").setStatus({ code: SpanStatusCode.ERROR });
      return result;
    } catch (error) {
      span.setAttribute(attribute.errorType, "cancelled");
      throw error;
    } finally {
      span.end();
    }
  }

  within<T>(work: () => T): T {
    const { spans, parent } = this.scope;
    return spans.within(parent, work);
  }
}

class TracedStep extends TracedRoute implements StepObservation {
  [Symbol.dispose](): void {
    this.scope.parent.span.end();
  }
}

/** Every tool that this server runs is one of an MCP server. A model may make its name up. */
function toolSpan({ name, id }: ToolCallPart): SpanStart {
  const short = name.slice(0, 128);
  const attributes = {
    [attribute.operation]: "execute_tool",
    [attribute.toolName]: short,
    [attribute.toolCallId]: id.slice(0, 128),
    [attribute.toolType]: "extension",
    [attribute.mcpMethod]: "tools/call",
  };
  return { name: `execute_tool ${short}`, kind: "client", attributes };
}
