/** Shows the section that the address names after `#`, the first one when it names none, and marks its link. */
export function setUpSections(): void {
  const sections = [...document.querySelectorAll<HTMLElement>("main > section")];
  const links = [...document.querySelectorAll<HTMLAnchorElement>("nav a")];
  const show = () => {
    const chosen = sections.find(({ id }) => `#${id}` === location.hash) ?? sections[0];
    for (const section of sections) section.hidden = section !== chosen;
    for (const link of links) {
      if (link.hash === `#${chosen?.id}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    scrollTo(0, 0);
  };
  addEventListener("hashchange", show);
  show();
}
