// The page: what it trains, its pictures and controls, and what holds them together.
const given = JSON.parse(document.getElementById("page-data").textContent);
{{play/data.js}}
{{play/build.js}}
{{play/python.js}}
{{play/health.js}}
{{play/elements.js}}
{{play/colours.js}}
{{play/curve.js}}
{{play/view.js}}
{{play/plane.js}}
{{play/drawing.js}}
{{play/controls.js}}
{{play/training.js}}
{{play/telling.js}}
{{play/points.js}}
{{play/choosing.js}}
{{play/opening.js}}
{{play/page.js}}
