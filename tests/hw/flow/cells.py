"""A cell library of three cells, for synthesis and energies."""

TABLE = """
      internal_power() {{
        related_pin : "{related}";
        rise_power(energy) {{ values ("{rise}, 9", "{rise}, 9"); }}
        fall_power(energy) {{ values ("{fall}, 9", "{fall}, 9"); }}
      }}"""

LIBRARY = f"""
library(three) {{
  time_unit : "1ns";
  voltage_unit : "1V";
  capacitive_load_unit (1,pf);
  nom_voltage : 2.0;
  lu_table_template(energy) {{
    variable_1 : total_output_net_capacitance;
    variable_2 : input_net_transition;
    index_1 ("0.1, 0.2");
    index_2 ("0.1, 0.2");
  }}
  cell (INVX1) {{
    area : 16;
    pin(A) {{ direction : input; capacitance : 0.25; }}
    pin(Y) {{ direction : output; function : "(!A)"; {TABLE.format(related="A", rise=1, fall=2)} }}
  }}
  cell (NAND2X1) {{
    area : 24;
    pin(A) {{ direction : input; capacitance : 0.5; }}
    pin(B) {{ direction : input; capacitance : 0.5; }}
    pin(Y) {{ direction : output; function : "(!(A B))";
      {TABLE.format(related="A", rise=2, fall=4)} {TABLE.format(related="B", rise=3, fall=5)} }}
  }}
  cell (DFFPOSX1) {{
    area : 96;
    ff (IQ, IQN) {{ clocked_on : "CLK"; next_state : "D"; }}
    pin(CLK) {{ direction : input; capacitance : 0.75; clock : true;
      {TABLE.format(related="", rise=1, fall=1)} }}
    pin(D) {{ direction : input; capacitance : 0.25; }}
    pin(Q) {{ direction : output; function : "IQ"; {TABLE.format(related="CLK", rise=6, fall=6)} }}
  }}
}}
"""
