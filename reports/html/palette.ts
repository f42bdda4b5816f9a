type Name =
  | 'page' | 'surface' | 'sunken' | 'text' | 'muted' | 'line' | 'edge' | 'link' | 'bar' | 'good' | 'good-soft' | 'bad' | 'bad-soft' | 'warn' | 'warn-soft' | 'mark'

/** The page's colours, `#rrggbb`. `edge` is a line that means something; `line` only parts. */
export const palettes: Readonly<Record<'light' | 'dark', Readonly<Record<Name, string>>>> = {
  light: {
    page: '#f3f5f8', surface: '#ffffff', sunken: '#f0f3f6', text: '#1a2330', muted: '#536071', line: '#dbe1e8', edge: '#7b8797', link: '#0a58a8', bar: '#3b73b9',
    good: '#136637', 'good-soft': '#e2f4e8', bad: '#ad2119', 'bad-soft': '#fdebe9', warn: '#7f4d00', 'warn-soft': '#fff1d6', mark: '#ffe58a',
  },
  dark: {
    page: '#0f1319', surface: '#181e26', sunken: '#11161d', text: '#e5eaf0', muted: '#a3aebb', line: '#2b3440', edge: '#74818f', link: '#86bdff', bar: '#5d96dc',
    good: '#74d898', 'good-soft': '#142d1e', bad: '#ff9a92', 'bad-soft': '#3a1b1b', warn: '#f3c46c', 'warn-soft': '#32270f', mark: '#6b5600',
  },
}

/** Which colour stands on which, with the least contrast that WCAG 2.2 AA asks for: 4.5 for text (1.4.3), 3 for shapes (1.4.11). */
export const pairs: readonly (readonly [Name, Name, number])[] = [
  ...(['text', 'muted', 'link', 'good', 'bad', 'warn'] as const).flatMap((name) =>
    (['page', 'surface', 'sunken'] as const).map((under) => [name, under, 4.5] as const)),
  ...(['good', 'bad', 'warn'] as const).flatMap((name) => [[name, `${name}-soft`, 4.5], ['text', `${name}-soft`, 4.5], ['muted', `${name}-soft`, 4.5], ['link', `${name}-soft`, 4.5]] as const),
  ['text', 'mark', 4.5],
  ...(['bar', 'edge', 'good', 'bad', 'warn'] as const).flatMap((name) => (['page', 'surface', 'sunken'] as const).map((under) => [name, under, 3] as const)),
]

export const variables = (palette: Readonly<Record<string, string>>): string =>
  Object.entries(palette).map(([name, colour]) => `--${name}:${colour};`).join('')
