/** Readable on a phone, in light and dark, and in print. */
export const style = `
:root { color-scheme: light dark; --text: #1b1f24; --soft: #57606a; --line: #d0d7de; --ground: #fff; --mark: #f3f5f7; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --soft: #9aa5b1; --line: #3a424c; --ground: #0f1318; --mark: #1a2027; --link: #79b8ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1rem; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); }
h2 a { color: inherit; text-decoration: none; }
h2 small { color: var(--soft); font-weight: normal; }
nav ul { columns: 16rem; padding-left: 1.25rem; }
section { border-top: 1px solid var(--line); margin-top: 2rem; }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .25rem 1rem; }
dt { color: var(--soft); }
dd { margin: 0; }
code { background: var(--mark); border-radius: .25rem; padding: .1rem .3rem; font-size: .9em; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .4rem .6rem .4rem 0; text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: normal; }
@media (max-width: 40rem) {
  thead { display: none; }
  tr { display: block; border-bottom: 1px solid var(--line); padding: .5rem 0; }
  td { display: grid; grid-template-columns: 6rem minmax(0, 1fr); gap: .75rem; border: 0; padding: .1rem 0; }
  td::before { content: attr(data-column); color: var(--soft); white-space: nowrap; }
  td:empty { display: none; }
}
`
