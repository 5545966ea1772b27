// Niceties only: the page says everything without them.
(function () {
  document.querySelectorAll("table").forEach(function (table) {
    table.querySelectorAll("thead th").forEach(function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      while (head.firstChild) { button.appendChild(head.firstChild); }
      head.appendChild(button);
      button.addEventListener("click", function () {
        var up = head.getAttribute("aria-sort") !== "ascending";
        table.querySelectorAll("thead th").forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        var body = table.tBodies[0];
        var key = function (row) {
          var cell = row.cells[column];
          return column === 0 ? cell.textContent : cell.dataset.v === undefined ? Infinity : Number(cell.dataset.v);
        };
        Array.from(body.rows).sort(function (a, b) {
          var x = key(a), y = key(b);
          var order = column === 0 ? x.localeCompare(y) : x === y ? 0 : x > y ? 1 : -1;
          return up ? order : -order;
        }).forEach(function (row) { body.appendChild(row); });
      });
    });
  });
  var replay = document.querySelector(".replay");
  if (replay) {
    var copy = document.createElement("button");
    copy.type = "button";
    copy.textContent = "Copy";
    copy.addEventListener("click", function () {
      var code = replay.querySelector("code");
      var done = function () {
        copy.textContent = "Copied";
        setTimeout(function () { copy.textContent = "Copy"; }, 1500);
      };
      var select = function () { window.getSelection().selectAllChildren(code); };
      if (navigator.clipboard) { navigator.clipboard.writeText(code.textContent).then(done, select); } else { select(); }
    });
    replay.appendChild(copy);
  }
})();
