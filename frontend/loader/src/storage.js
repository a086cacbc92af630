// Removes what purposes that are not allowed left on the device: declared cookies (every path and parent domain a script
// can reach), localStorage and sessionStorage. Touches nothing the notice does not declare, and nothing that an allowed
// purpose declares too.

const fits = (item, name) =>
  item.name.endsWith('*') ? name.startsWith(item.name.slice(0, -1)) : name == item.name;

const clearCookie = (name) => {
  const labels = location.hostname.split('.');
  const domains = ['', ...labels.map((_, i) => `;domain=${labels.slice(i).join('.')}`)];
  let path = '';
  const paths = ['/'];
  for (const part of location.pathname.split('/').slice(1)) {
    path += `/${part}`;
    paths.push(path, `${path}/`);
  }
  for (const domain of domains) {
    for (const at of paths) document.cookie = `${name}=;max-age=0;path=${at}${domain}`;
  }
};

export const clear = (allowed) => {
  const all = (wanted, kind) =>
    DATA.purposes.flatMap(({ id, storage = [] }) => storage.filter((item) => !allowed[id] != wanted && item.kind == kind));
  const clearKind = (kind, names, remove) => {
    try {
      const kept = all(true, kind);
      const gone = all(false, kind);
      if (!gone.length) return;
      for (const name of names()) {
        if (name && gone.some((item) => fits(item, name)) && !kept.some((item) => fits(item, name))) remove(name);
      }
    } catch {
      // Storage is forbidden here, so nothing was left.
    }
  };
  clearKind('cookie', () => document.cookie.split('; ').map((part) => part.split('=')[0]), clearCookie);
  clearKind('local-storage', () => Object.keys(localStorage), (name) => localStorage.removeItem(name));
  clearKind('session-storage', () => Object.keys(sessionStorage), (name) => sessionStorage.removeItem(name));
};
