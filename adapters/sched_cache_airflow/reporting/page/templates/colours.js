// Airflow keeps the colours that the user chose where its own pages look for them.
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("theme"); } catch (error) { chosen = null; }
  var isDark = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
})();
