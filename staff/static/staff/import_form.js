// A catalogue takes a while to be sent: the button says so, and cannot be pressed twice.

const form = document.getElementById("import_form");
const button = document.querySelector("button[form=import_form]");
const label = button.textContent;

form.addEventListener("submit", () => {
  button.disabled = true;
  button.textContent = "Sending …";
});

// The page as it was, when the browser goes back to it.
addEventListener("pageshow", () => {
  button.disabled = false;
  button.textContent = label;
});
