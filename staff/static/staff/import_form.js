// Sending a catalogue takes a while: the button says so, and cannot be pressed twice.

const form = document.getElementById("import_form");
const button = document.querySelector("button[form=import_form]");
const label = button.textContent;

form.addEventListener("submit", () => {
  button.disabled = true;
  button.textContent = "Sending …";
});

// When the browser goes back to the page, the button is still disabled.
addEventListener("pageshow", () => {
  button.disabled = false;
  button.textContent = label;
});
