// Where the parts of the drawing stand: columns of units, badges of biases, images, labels of edges.
// Lengths are those of the smallest drawing, in which text has 12 px; it is only ever drawn larger.

const LETTER = 7.3; // the width of a digit
const HEAD = 42; // for the names of the columns
const BADGE = 17; // the height of a bias above its unit
const IMAGE = 132; // the side of an input that is drawn as an image
const LARGEST = 2; // how much larger it may be drawn

// A unit has room for two numbers under each other, for one, or for one without its badges.
const SIZES = [{ box: 38, badges: true }, { box: 20, badges: true }, { box: 20, badges: false }];

const textWidth = (length) => length * LETTER + 10;

const longestText = (things, names, least) =>
  Math.max(least, ...things.flatMap((thing) => names.map((name) => thing[name]?.length ?? 0)));

// Targets of one unit stand under the loss, others in a column of their own.
function placed(page, width, height, zoom) {
  const { columns, links } = page;
  const last = columns.length - 1;
  const under = columns[last].units.length === 1;
  const counts = columns.map((column, i) => rowsOf(column) + (under && i === last - 1 ? 1 : 0));
  const rows = Math.max(...counts);
  const size = sizeFor(rows, Math.min(2, Math.max(0, ...links.map(mostBadges))), height / zoom - HEAD);
  const drawn = columns.map((column, i) => {
    const biases = size.badges && i ? links[i - 1]?.biases ?? [] : [];
    return { rows: counts[i], ...widthOf(column, biases) };
  });
  const least = Math.max(drawn.some((column) => column.image) ? IMAGE : 0, under ? 3 * size.box + 84 - size.pitch : 0);
  const gaps = links.map((link, i) => gapOf(link, size, drawn[i].image)).concat(34, under ? [] : 34);
  const widths = under ? drawn.slice(0, -1) : drawn;
  const needed = gaps.concat(widths.map((column) => column.width)).reduce((a, b) => a + b, 20);
  const fitting = Math.min(width / needed, height / (HEAD + Math.max(least, rows * size.pitch)), LARGEST);
  const scale = Math.max(zoom, fitting);
  const free = Math.max(0, (height / scale - HEAD) / rows - size.pitch);
  const pitch = size.pitch + Math.min(free, size.pitch);
  const body = Math.max(least, rows * pitch);
  spreadGaps(gaps, links, Math.max(0, width / scale - needed));
  const across = placeAcross(drawn, gaps, under);
  const fits = fitting >= zoom;
  return { columns: drawn, under, ...size, pitch, scale, fits, width: across, height: HEAD + body, middle: HEAD + body / 2 };
}

function sizeFor(rows, badges, height) {
  const sized = SIZES.map((size) => ({ ...size, pitch: size.box + 5 + (size.badges && badges ? 5 + badges * BADGE : 0) }));
  return sized.find(({ pitch }) => rows * pitch <= height) ?? sized.at(-1);
}

const isPicture = ({ units: [first] }) => first.pixel !== null && first.pixel !== undefined;

function rowsOf(column) {
  if (isPicture(column)) return 1;
  return column.units.length + (column.size > column.units.length ? 1 : 0);
}

function widthOf(column, biases) {
  if (isPicture(column)) return { image: Math.sqrt(column.size), width: IMAGE };
  const numbers = [longestText(column.units, ["value", "gradient"], 5), longestText(column.units, ["after"], 0) + 1.5];
  const marked = biases.length ? longestText(biases, ["value", "gradient", "after"], 5) + 1.5 : 0;
  return { width: Math.max(textWidth(Math.max(...numbers, marked)), 1.5 * LETTER * (column.symbol.length + 1)) };
}

function mostBadges(link) {
  const counts = new Map();
  for (const { unit } of link.biases) counts.set(unit, (counts.get(unit) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

function gapOf({ wiring, edges }, size, image) {
  if (image) return 110;
  const weights = edges.map((edge) => edge.weight).filter(Boolean);
  if (size.box > 30 && weights.length) return textWidth(longestText(weights, ["value", "gradient", "after"], 5)) + 28;
  return { dense: 84, each: 24, all: 60 }[wiring];
}

// Room that is left goes between layers that are fully wired.
function spreadGaps(gaps, links, room) {
  const wide = links.map((link) => link.wiring !== "each");
  const count = wide.filter(Boolean).length || 1;
  links.forEach((_, i) => (gaps[i] += wide[i] ? Math.min(room / count, 90) : 0));
}

function placeAcross(columns, gaps, under) {
  let x = 10;
  columns.forEach((column, i) => {
    const beneath = under && i === columns.length - 1;
    if (i && !beneath) x += gaps[i - 1];
    column.left = beneath ? columns[i - 1].left : x;
    if (beneath) column.width = columns[i - 1].width;
    column.x = column.left + column.width / 2;
    column.right = column.left + column.width;
    if (!beneath) x += column.width;
  });
  return x + 10;
}

function rowY(layout, column, row) {
  return layout.middle + (row - (column.rows - 1) / 2) * layout.pitch;
}

// Targets under the loss are so far below it that their name has room.
function underY(layout, column) {
  return rowY(layout, column, 0) + Math.max(layout.pitch, layout.box + 42);
}

// Numbers stand beside the edges, at the share of their length at which they are furthest from each other.
function labelPlace(lines, length) {
  const gap = Math.abs(lines[0].x2 - lines[0].x1);
  const margin = (length * LETTER) / 2 + 4;
  let best = { distance: 12.4, share: null };
  for (let share = margin / gap; share <= 1 - margin / gap + 1e-9; share += 0.02) {
    const heights = lines.map((line) => labelY(line, share)).sort((a, b) => a - b);
    const distance = Math.min(40, ...heights.slice(1).map((y, i) => y - heights[i]));
    if (distance > best.distance + 1e-9) best = { distance, share };
  }
  return best.share;
}

// A number lies above a flat edge and across a steep one, so that it hides neither.
function labelY({ x1, x2, y1, y2 }, share) {
  const flat = Math.abs(y2 - y1) < 0.35 * Math.abs(x2 - x1);
  return y1 + (y2 - y1) * share - (flat ? 8 : 0);
}
