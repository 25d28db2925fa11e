import { setUpChat } from "./chat.ts";
import { setUpProviders } from "./providers.ts";
import { setUpSections } from "./sections.ts";
import { setUpSpeak } from "./speak.ts";
import { setUpTalk } from "./talk.ts";
import { setUpToken } from "./token.ts";
import { setUpTranscribe } from "./transcribe.ts";

setUpSections();
const takers = [setUpChat(), setUpSpeak(), setUpTranscribe(), setUpTalk()];
const reload = setUpProviders((providers) => {
  for (const take of takers) take(providers);
});
setUpToken(reload);
