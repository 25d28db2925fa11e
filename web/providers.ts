import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Provider, ProviderSchema } from "../gen/livellm/v1/providers_service_pb.ts";
import { reportError } from "./call-report.ts";
import { element, find } from "./element.ts";
import { providers as client, models } from "./gateway.ts";

/** Shows the providers, and hands them to `offer` whenever they have been read; what it returns reads them again. */
export function setUpProviders(offer: (providers: readonly Provider[]) => void): () => void {
  const list = find("providers-list", HTMLUListElement);
  const problem = find("problem", HTMLParagraphElement);
  const load = async () => {
    try {
      const found = await listThose();
      problem.hidden = true;
      list.replaceChildren(...found.map(card));
      offer(found);
    } catch (error) {
      problem.replaceChildren("The providers could not be read. ", reportError(error));
      problem.hidden = false;
    }
  };
  const reload = () => void load();
  find("providers-reload", HTMLButtonElement).addEventListener("click", reload);
  reload();
  return reload;
}

/** Only administrators may see how providers are set up; others see those whose models they may use. */
async function listThose(): Promise<readonly Provider[]> {
  try {
    return await listAll();
  } catch (error) {
    if (ConnectError.from(error).code !== Code.PermissionDenied) throw error;
    const kinds = new Map<string, string>();
    const { models: usable } = await models.listModels({ pageSize: 1000 });
    for (const { provider, providerKind } of usable) kinds.set(provider, providerKind);
    return [...kinds].map(([id, kind]) => create(ProviderSchema, { id, kind }));
  }
}

async function listAll(): Promise<readonly Provider[]> {
  const found: Provider[] = [];
  let pageToken = "";
  do {
    const page = await client.listProviders({ pageSize: 500, pageToken });
    found.push(...page.providers);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}

function card(provider: Provider): HTMLElement {
  const { id, kind, displayName, baseUrl, defaultModel, disabled, readOnly } = provider;
  const facts = [
    `kind ${kind}`,
    displayName,
    defaultModel && `default model ${defaultModel}`,
    baseUrl,
    readOnly && "read-only",
    disabled && "disabled",
  ];
  return element("li", "", element("strong", "", id), element("p", "facts", facts.filter(Boolean).join(" · ")));
}
