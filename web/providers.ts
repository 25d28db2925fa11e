import type { Provider } from "../gen/livellm/v1/providers_service_pb.ts";
import { reportError } from "./call-report.ts";
import { element, find } from "./element.ts";
import { providers as client } from "./gateway.ts";

/** Shows the providers, and hands them to `offer` whenever they have been read. */
export function setUpProviders(offer: (providers: readonly Provider[]) => void): void {
  const list = find("providers-list", HTMLUListElement);
  const problem = find("problem", HTMLParagraphElement);
  const load = async () => {
    try {
      const found = await listAll();
      problem.hidden = true;
      list.replaceChildren(...found.map(card));
      offer(found);
    } catch (error) {
      problem.replaceChildren("The providers could not be read. ", reportError(error));
      problem.hidden = false;
    }
  };
  find("providers-reload", HTMLButtonElement).addEventListener("click", () => void load());
  void load();
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
