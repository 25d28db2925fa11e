import type { ChatRequest } from "../../core/chat.ts";
import type { ModelTool, ToolChoice } from "../../core/tools.ts";

const name = "image_generation";
const drawing: ModelTool = { type: "provider-tool", providerType: name, config: {} };

/**
 * The Responses API draws with a tool of its own: an answer that may have images gets it, unless the caller gave it himself,
 * and one that is to have nothing else has to use it.
 */
export function withDrawing(request: ChatRequest): ChatRequest {
  const { tools, toolChoice, generation } = request;
  if (!generation.outputModalities.includes("image") || tools.some(draws)) return request;
  const imagesAlone = !generation.outputModalities.includes("text");
  return { ...request, tools: [...tools, drawing], toolChoice: choiceWithDrawing(toolChoice, imagesAlone) };
}

function draws(tool: ModelTool): boolean {
  return tool.type === "provider-tool" && tool.providerType === name;
}

/** What the caller says of his tools stays as it is for them. */
function choiceWithDrawing(choice: ToolChoice | undefined, imagesAlone: boolean): ToolChoice | undefined {
  if (choice?.mode === "disabled") return { mode: imagesAlone ? "required" : "auto", toolNames: [name] };
  if (choice && choice.toolNames.length > 0) return { ...choice, toolNames: [...choice.toolNames, name] };
  return choice ?? (imagesAlone ? { mode: "required", toolNames: [name] } : undefined);
}
