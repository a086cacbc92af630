// For sites that want it: after a no to something that was on in this page, the page is loaded anew, once, as soon as the no is on
// record. Without it no page ever is: what a script that ran left in the page's memory stays until the next page view.
{
  let allowed = {};
  let ended = false;
  const hear = ({ detail }) => {
    ended ||= Object.keys(allowed).some((id) => allowed[id] && !detail.allowed[id]);
    allowed = detail.allowed;
  };
  document.addEventListener('assent:ready', hear);
  document.addEventListener('assent:change', hear);
  if (window.assent) hear({ detail: window.assent.state() });
  document.addEventListener('assent:recorded', () => ended && location.reload());
}
