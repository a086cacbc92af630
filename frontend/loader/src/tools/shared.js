// What the tools on a page are told has in common. Each file here is bundled into a function of two arguments, PURPOSES
// (those of the embed) and HEAR, and is sent only to sites whose notice names the tool. It is called once, before anything
// else of the loader, and says no first.

// A key is granted when every purpose that names it is allowed. `say` hears the states when they change, and once when the
// person has decided, so that a tool that waits for an answer gets one.
export const follow = (keysOf, say) => {
  let before;
  let answered;
  HEAR((allowed, decided) => {
    const states = { __proto__: null };
    for (const purpose of PURPOSES) {
      for (const key of keysOf(purpose)) {
        states[key] = allowed[purpose.id] && states[key] != 'denied' ? 'granted' : 'denied';
      }
    }
    const now = Object.entries(states).join();
    const news = before ? now != before : now.includes('granted');
    if (news || (decided && !answered)) say(states);
    before = now;
    answered ||= decided;
  });
};

// The keys of one tool among those that a purpose names.
export const named = (...keys) => (purpose) => (purpose.tools || []).filter((key) => keys.includes(key));
