open("ran", "w").write(__name__)
raise SystemExit(0)
