// The library's page: an image that is dropped or pasted fills in the form, as if it were chosen.
const form = document.querySelector("form[data-drop]");
const input = form.querySelector("input[type=file]");

function take(files) {
  const image = [...files].find((file) => file.type.startsWith("image/"));
  if (!image) return false;
  const held = new DataTransfer();
  held.items.add(image);
  input.files = held.files;
  form.querySelector("#alt").focus();
  return true;
}

document.addEventListener("paste", (event) => {
  if (take(event.clipboardData.files)) event.preventDefault();
});
form.addEventListener("dragover", (event) => {
  event.preventDefault();
  form.dataset.over = "";
});
form.addEventListener("dragleave", (event) => { if (!form.contains(event.relatedTarget)) delete form.dataset.over; });
form.addEventListener("drop", (event) => {
  event.preventDefault();
  delete form.dataset.over;
  take(event.dataTransfer.files);
});
