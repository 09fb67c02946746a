"""An application with the extensions that most have: database, login and forms.

It is written for Flask. Under BustAPI its imports are answered by the alias.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from flask import Flask, abort, jsonify, render_template
from flask_login import LoginManager, UserMixin, login_required, login_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect, FlaskForm
from flask_wtf.csrf import generate_csrf
from wtforms import IntegerField, StringField
from wtforms.validators import DataRequired, Length, NumberRange

# Each server has a database of its own, for as long as it runs.
folder = tempfile.TemporaryDirectory(prefix="bench-")

app = Flask("bench", root_path=str(Path(__file__).parent))
app.config.update(
    SECRET_KEY="benchmarks sign their sessions with this",
    SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder.name}/items.sqlite3",
    WTF_CSRF_TIME_LIMIT=None,
)
db = SQLAlchemy(app)
login_manager = LoginManager(app)
CSRFProtect(app)


class User(UserMixin, db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), nullable=False)


class Item(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(80), nullable=False)
    count = db.Column(db.Integer, nullable=False)


class ItemForm(FlaskForm):
    name = StringField("Name", [DataRequired(), Length(max=80)])
    count = IntegerField("Count", [NumberRange(0, 1000)])


with app.app_context():
    db.create_all()
    db.session.add(User(id=1, name="Ada"))
    db.session.add_all(Item(name=f"Item <{n}>", count=n) for n in range(1, 21))
    db.session.commit()


@login_manager.user_loader
def load_user(identifier: str) -> Any:
    return db.session.get(User, int(identifier))


@app.get("/enter")
def enter() -> Any:
    """Log in, and return the token that forms of this session send along."""
    login_user(load_user("1"))
    return jsonify(csrf_token=generate_csrf())


@app.get("/items/<int:number>")
def row(number: int) -> Any:
    item = db.session.get(Item, number) or abort(404)
    return {"id": item.id, "name": item.name, "count": item.count}


@app.get("/items")
@login_required
def rows() -> Any:
    items = db.session.scalars(db.select(Item).order_by(Item.id)).all()
    return render_template("items.html", items=items)


@app.route("/form", methods=["GET", "POST"])
@login_required
def form() -> Any:
    form = ItemForm()
    accepted = form.validate_on_submit()
    return render_template("form.html", form=form, accepted=accepted)
