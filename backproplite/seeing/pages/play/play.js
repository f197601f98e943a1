// The page: what it trains, its pictures and controls, and what holds them together.
{{play/data.js}}
{{play/build.js}}
{{play/python.js}}
{{play/health.js}}
{{play/colours.js}}
{{play/plane.js}}
{{play/curve.js}}
{{play/drawing.js}}
{{play/controls.js}}
{{play/page.js}}
