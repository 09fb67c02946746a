// Shows how far an upload has come. Without this script the same forms work as they are.

"use strict";

for (const form of document.querySelectorAll("form[data-limit]")) {
  form.addEventListener("submit", (event) => {
    const files = [...form.elements.files.files];

    if (files.length === 0) {
      return;
    }

    event.preventDefault();

    if (form.getAttribute("aria-busy") === "true") {
      return;
    }

    if (files.reduce((size, file) => size + file.size, 0) > Number(form.dataset.limit)) {
      say(form, form.dataset.tooLarge);
    } else {
      upload(form);
    }
  });

  // A page that the browser shows again, on the way back, begins anew.
  addEventListener("pagehide", () => stop(form, ""));
}

function upload(form) {
  const request = new XMLHttpRequest();
  const bar = form.querySelector("progress");

  request.upload.addEventListener("progress", (event) => {
    bar.value = event.loaded / event.total;
  });
  request.upload.addEventListener("load", () => say(form, "Sent. Saving …"));
  request.addEventListener("load", () => follow(request));
  request.addEventListener("error", () => stop(form, "The upload broke off. Please try again."));

  form.setAttribute("aria-busy", "true");
  bar.value = 0;
  bar.hidden = false;
  say(form, "Uploading …");
  request.open("POST", form.action);
  request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
  request.send(new FormData(form));
}

function follow(request) {
  const address = request.getResponseHeader("Location");

  if (address === null) {
    show(request.responseText);
  } else if (new URL(address, location).pathname === location.pathname) {
    // A mere change of the fragment would fetch nothing.
    history.replaceState(null, "", address);
    location.reload();
  } else {
    location.assign(address);
  }
}

function show(page) {
  // A form with remarks, or an error page, in the place of the one that sent the form.
  document.open();
  document.write(page);
  document.close();
}

function stop(form, message) {
  form.removeAttribute("aria-busy");
  form.querySelector("progress").hidden = true;
  say(form, message);
}

function say(form, message) {
  form.querySelector("[role=status]").textContent = message;
}
