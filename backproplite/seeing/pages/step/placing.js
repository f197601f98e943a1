// Where the parts of the drawing stand: columns of units, badges of biases, images, numbers on edges.
// Lengths are those of the smallest drawing, in which text has 12 px; it is only ever drawn larger.

const LETTER = 7.3; // the width of a digit
const HEAD = 42; // for the names of the columns
const BADGE = 17; // the height of a bias above its unit
const IMAGE = 132; // the side of an input that is drawn as an image
const MOST_SCALE = 2; // how much larger all is drawn at most

// A unit has room for two numbers under each other, for one, or for one without its badges.
const SIZES = [{ box: 38, badges: true }, { box: 20, badges: true }, { box: 20, badges: false }];
const NUMBERS = ["value", "gradient", "after"]; // that are shown of a unit or a parameter

const textWidth = (length) => length * LETTER + 10;

function longestText(things, names) {
  const lengths = things.flatMap((thing) => names.map((name) => thing[name]?.length ?? 0));
  return Math.max(5, ...lengths);
}

// A layout for so much room, which fits unless even the smallest drawing (at a zoom) is larger.
function placed(page, width, height, zoom) {
  const { columns, links } = page;
  const under = columns.at(-1).units.length === 1; // such targets stand under the loss
  const counts = columns.map((column, i) => rowsOf(column) + (under && i === columns.length - 2 ? 1 : 0));
  const rows = Math.max(...counts);
  const size = sizeFor(rows, Math.max(0, ...links.map(mostBadges)), height / zoom - HEAD);
  const drawn = columns.map((column, i) => ({ rows: counts[i], ...widthOf(page, i, size) }));
  const least = Math.max(columns.some(isPicture) ? IMAGE : 0, under ? 3 * size.box + 84 - size.pitch : 0);
  const gaps = [...links.map((_, i) => gapOf(page, i, size)), 34, under ? 0 : 34];
  if (under) drawn.at(-1).width = 0;
  const needed = [20, ...gaps, ...drawn.map((column) => column.width)].reduce((a, b) => a + b);
  const down = height / (HEAD + Math.max(least, rows * size.pitch));
  const fitting = Math.min(width / needed, down);
  const scale = Math.max(zoom, Math.min(fitting, MOST_SCALE));
  spreadGaps(gaps, links, Math.max(0, width / scale - needed));
  const pitch = Math.max(size.pitch, Math.min((height / scale - HEAD) / rows, 2 * size.pitch));
  const body = Math.max(least, rows * pitch);
  const across = placeAcross(drawn, gaps, under);
  const places = { columns: drawn, gaps, under, pitch, middle: HEAD + body / 2 };
  const extent = { width: across, height: HEAD + body, scale, fits: fitting >= zoom, tall: down < zoom };
  return { ...size, ...places, ...extent };
}

// Whether numbers have grown longer than their places.
function outgrown(page, layout) {
  const beneath = layout.under ? page.columns.length - 1 : -1;
  const tooWide = (_, i) => i !== beneath && widthOf(page, i, layout).width > layout.columns[i].width;
  return page.columns.some(tooWide) || page.links.some((_, i) => gapOf(page, i, layout) > layout.gaps[i]);
}

// The largest size at which all rows have room.
function sizeFor(rows, badges, height) {
  const sized = SIZES.map((size) => {
    const above = size.badges && badges ? 5 + Math.min(badges, 2) * BADGE : 0;
    return { ...size, pitch: size.box + 5 + above };
  });
  return sized.find(({ pitch }) => rows * pitch <= height) ?? sized.at(-1);
}

const isPicture = ({ units: [first] }) => first.pixel !== null && first.pixel !== undefined;

function rowsOf(column) {
  if (isPicture(column)) return 1;
  return column.units.length + (column.size > column.units.length ? 1 : 0);
}

function widthOf({ columns, links }, i, { badges }) {
  const column = columns[i];
  if (isPicture(column)) return { image: Math.sqrt(column.size), width: IMAGE };
  const arrow = column.kind === "flow" && i ? 1.5 : 0; // before a new value
  const biases = (badges && links[i - 1]?.biases) || [];
  const letters = Math.max(longestText(column.units, NUMBERS), longestText(column.units, ["after"]) + arrow,
    biases.length ? longestText(biases, NUMBERS) + 1.5 : 0);
  return { width: Math.max(textWidth(letters), 1.5 * LETTER * (column.symbol.length + 1)) };
}

function mostBadges(link) {
  const counts = new Map();
  for (const { unit } of link.biases) counts.set(unit, (counts.get(unit) ?? 0) + 1);
  return Math.max(0, ...counts.values());
}

// Between the columns before and after a layer: numbers on edges need room.
function gapOf({ columns, links }, i, { box }) {
  if (isPicture(columns[i])) return 96;
  const weights = links[i].edges.map((edge) => edge.weight).filter(Boolean);
  if (box > 30 && weights.length) return textWidth(longestText(weights, NUMBERS)) + 28;
  return { dense: 84, each: 24, all: 60 }[links[i].wiring];
}

// Room that is left goes between layers that are fully wired.
function spreadGaps(gaps, links, room) {
  const wide = links.map((link) => link.wiring !== "each");
  const each = room / (wide.filter(Boolean).length || 1);
  links.forEach((_, i) => (gaps[i] += wide[i] ? Math.min(each, 90) : 0));
}

function placeAcross(columns, gaps, under) {
  let left = 10;
  for (const [i, column] of columns.entries()) {
    if (under && i === columns.length - 1) {
      ({ left: column.left, width: column.width } = columns[i - 1]);
    } else {
      column.left = left;
      left += column.width + gaps[i];
    }
    column.x = column.left + column.width / 2;
    column.right = column.left + column.width;
  }
  return columns.at(-1).right + 10;
}

function rowY(layout, i, row) {
  const { columns, under, middle, pitch, box } = layout;
  const y = (column, k) => middle + (k - (column.rows - 1) / 2) * pitch;
  if (!under || i < columns.length - 1) return y(columns[i], row);
  return y(columns[i - 1], 0) + Math.max(pitch, box + 42); // so far below the loss that their name has room
}

// Numbers stand on edges at the share of their length at which they are furthest from each other.
function labelPlace(lines, length) {
  const gap = Math.abs(lines[0].x2 - lines[0].x1);
  const margin = ((length * LETTER) / 2 + 4) / gap;
  let best = { distance: 12.4, share: null };
  for (let share = margin; share <= 1 - margin + 1e-9; share += 0.02) {
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
