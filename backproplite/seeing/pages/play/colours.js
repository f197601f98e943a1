// Colours of the pictures, taken from the style sheet, so that light and dark are said there alone.
//
// A signed number is blue above zero and orange below it, the fuller the larger; class 0 is orange, class 1
// blue, others have their own. Tables of them make a picture one look-up for each of its points.

const theme = {};
const SHADES = 128; // on each side of zero
const FULL = 0.6; // of the colour: points must stand out before it
const COLOURS = ["paper", "raised", "rule", "line", "ink", "quiet", "plus", "minus"];
const CLASSES = ["minus", "plus", "class-2", "class-3", "class-4", "class-5"];

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(`--${name}`).trim();
  for (const name of COLOURS) theme[name] = read(name);
  theme.classes = CLASSES.map(read);
  theme.em = 0.8 * parseFloat(style.fontSize); // the size of small text
  theme.font = `${theme.em}px ${read("numbers")}`;
  theme.signed = shades(theme.minus).reverse().concat(shades(theme.plus).slice(1));
  theme.byClass = theme.classes.map(shades);
}

// From paper towards the full colour, as the bytes red, green, blue and 255 in one number.
function shades(colour) {
  const [paper, full] = [theme.paper, colour].map(channels);
  return Array.from({ length: SHADES + 1 }, (_, i) => {
    const [red, green, blue] = paper.map((from, k) =>
      Math.round(from + ((full[k] - from) * FULL * i) / SHADES));
    return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  });
}

const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const classColour = (label) => theme.classes[label % theme.classes.length];

// A number of -1 to 1 as its place in the table of signed shades; what is beyond is at its end.
function shadeOf(number) {
  const place = Math.round(number * SHADES) + SHADES;
  return theme.signed[place < 0 ? 0 : place > 2 * SHADES ? 2 * SHADES : place];
}

// A pen on a canvas as sharp as the screen, in the units of the style sheet. It is made anew only where its
// size has changed.
function sharp(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio || 1;
  const size = { width: Math.round(width * scale), height: Math.round(height * scale) };
  if (canvas.width !== size.width || canvas.height !== size.height) Object.assign(canvas, size);
  const pen = canvas.getContext("2d");
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  return { pen, width, height };
}
